/* Options:
Date: 2026-01-02 03:04:05
Version: 1.2.3
Tip: To override a DTO option, remove "//" prefix before updating
BaseUrl: https://ai.example.org

//GlobalNamespace: dtos
//MakePropertiesOptional: True
//AddServiceStackTypes: True
//AddResponseStatus: False
//AddImplicitVersion: 
//AddDescriptionAsComments: True
//IncludeTypes: 
//ExcludeTypes: 
//DefaultImports: 
*/

declare namespace dtos
{
    interface IReturn<T>
    {
    }

    interface IReturnVoid
    {
    }

    interface IGet
    {
    }

    interface IPost
    {
    }

    interface IPut
    {
    }

    interface IPatch
    {
    }

    interface IDelete
    {
    }

    interface ICreateDb<T>
    {
    }

    interface IUpdateDb<T>
    {
    }

    interface IPatchDb<T>
    {
    }

    interface IDeleteDb<T>
    {
    }

    interface ISaveDb<T>
    {
    }

    /** @description What every generation has. */
    interface IGeneration
    {
        refId?: string;
        tag?: string;
    }

    /** @description How. */
    enum Mode
    {
        MP3 = 'mp3',
        JsonObject = 'json_object',
    }

    enum Task
    {
        TextToImage = 1,
        SpeechToText = 8,
    }

    interface KeyValuePair<TKey, TValue>
    {
        key?: TKey;
        value?: TValue;
    }

    interface ResponseError
    {
        errorCode?: string;
        fieldName?: string;
    }

    interface ResponseStatus
    {
        message?: string;
        errors?: ResponseError[];
    }

    /** @description A thing of every kind. In two lines. */
    interface Thing
    {
        /** @description The number that it is known by. */
        id?: number;
        parentId?: number;
        from?: string;
        /** @description At most so many; "about" will do. * / */
        max_tokens?: number;
        logprobs?: boolean;
        share?: number;
        denoise?: number;
        cost?: number;
        enabled?: boolean;
        createdDate?: string;
        offlineDate?: string;
        duration?: string;
        bytes?: string;
        anything?: any;
        tags?: string[];
        names?: string[];
        apiModels?: { [index:string]: string; };
        counts?: { [index:number]: number; };
        paths?: { [index:string]: string[]; };
        mode?: Mode;
        task?: Task;
        pairs?: KeyValuePair<string, number>[];
        other?: Thing;
        error?: ResponseStatus;
    }

    enum Plain
    {
        TopLeft = 'TopLeft',
        Center = 'Center',
    }

    interface Special extends Thing
    {
        place?: Plain;
    }

    interface QueryBase
    {
        skip?: number;
        take?: number;
        orderBy?: string;
        orderByDesc?: string;
        include?: string;
        fields?: string;
        meta?: { [index:string]: string; };
    }

    interface QueryDb<T> extends QueryBase
    {
    }

    interface MakeThingResponse
    {
        results?: Thing[];
        responseStatus?: ResponseStatus;
    }

    interface QueryResponse<T>
    {
        offset?: number;
        total?: number;
        results?: T[];
        responseStatus?: ResponseStatus;
    }

    /** @description Makes a thing. */
    // @Route("/v1/things", "POST")
    // @Route("/things/{Id}")
    interface MakeThing extends IReturn<MakeThingResponse>, IGeneration, IPost
    {
        image?: string;
        /** @description What to make. */
        prompt?: string;
        mode?: Mode;
        refId?: string;
        tag?: string;
    }

    interface MakeSpecial extends Special, IReturn<MakeThingResponse>
    {
        provider?: string;
    }

    interface QueryThings extends QueryDb<Thing>, IReturn<QueryResponse<Thing>>
    {
        id?: number;
    }

    interface CreateThing extends IReturn<MakeThingResponse>, ICreateDb<Thing>
    {
        name?: string;
    }

    /** @description Deletes it. */
    interface DeleteThing extends IReturnVoid, IDeleteDb<Thing>
    {
        id?: number;
    }

    interface GetThingFile extends IReturn<Blob>, IGet
    {
    }

    interface GetThingText extends IReturn<string>, IGet
    {
    }

    interface GetThingNames extends IReturn<string[]>, IGet
    {
    }

}
